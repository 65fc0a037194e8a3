"""How a plan is said in Python: names, literals, and the code of handlers and steps.

Another language is another folder beside this one and another folder of templates.
"""

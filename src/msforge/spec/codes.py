"""The codes of the diagnostics about descriptions. Warnings (W...) belong to the analysis."""

from __future__ import annotations

from typing import Final

CODES: Final[dict[str, str]] = {
    # The text
    "E001": "The file cannot be read.",
    "E002": "The file is empty.",
    "E003": "The file is too large.",
    "E004": "The file is not UTF-8.",
    "E005": "The file is binary or contains a character that is no text.",
    "E010": "The text is not YAML.",
    "E011": "A key is written twice.",
    "E012": "Nested too deeply.",
    "E013": "A key is not a word.",
    "E014": "An anchor, alias or merge key that cannot be followed, or that expands without bounds.",
    "E015": "A tag: descriptions have none.",
    "E016": "More than one document in a file.",
    "E017": "A value cut in two by a comma inside { } or [ ].",
    # The shape
    "E100": "The file is not a mapping.",
    "E101": "An unknown key.",
    "E102": "A version of the language that this msforge does not read.",
    "E103": "A key that is needed is missing.",
    "E104": "A mapping is needed.",
    "E105": "A list is needed.",
    "E106": "At least one entry is needed.",
    "E107": "An option that its verb or fault does not have.",
    "E108": "A key that cannot be a default because each has its own.",
    "E110": "A step that is no mapping.",
    "E111": "A step with more than one verb.",
    "E112": "A step without a verb.",
    "E113": "Something in a journey that is no request, pause, choice or repetition.",
    "E114": "A fault of no kind, or of more than one.",
    "E199": "A value of a kind that does not belong here.",
    # Values
    "E201": "A value that is not in the unit needed.",
    "E202": "A bare number where a unit is needed.",
    "E203": "A value that is not a number.",
    "E204": "A number out of bounds.",
    "E205": "A word that is none of those known here.",
    "E206": "An HTTP or gRPC method that cannot be read.",
    "E207": "An unknown arrival process.",
    "E208": "A file of numbers that cannot be read.",
    "E209": "An objective that cannot be read.",
    "E210": "A distribution that cannot be read.",
    "E211": "A distribution whose parameters do not fit.",
    "E212": "Neither true nor false.",
    # Names
    "E301": "A name that is not allowed.",
    "E302": "Not written as service.endpoint.",
    "E303": "Not written as a -> b.",
    "E304": "A name or id used twice in one place.",
    "E305": "Not the name of a service, store or endpoint.",
    # Contradictions
    "E401": "An option that contradicts another, or has no meaning beside it.",
    "E402": "Values that together can never work.",
    "E403": "Exactly one of several forms is needed.",
    "E404": "A source of traffic with no driver, or with more than one.",
    "E405": "A fault without a time, or with two.",
    "E406": "Nothing sends requests.",
    "E407": "A service that does nothing.",
    "E408": "A run without an end.",
    # References
    "E501": "No such service.",
    "E502": "No such endpoint.",
    "E503": "No such store.",
    "E504": "No such channel.",
    "E505": "No such zone.",
    "E506": "No such party, for a fault.",
    "E507": "No such endpoint or source, for an objective.",
    "E508": "No such policy.",
    "E509": "A policy of another kind.",
    "E510": "Calls that go round in a circle.",
    "E511": "A fallback that contains itself.",
    # Overlays
    "E601": "An overlay that changes something that is not there.",
    "E602": "A path that leads nowhere.",
    "E603": "Something that a scenario cannot set.",
    "E604": "An argument that is not path=value.",
}
"""Each code and what it means."""
OF_THE_PLAN: Final[dict[str, str]] = {
    "E701": "A run too large to finish.",
    "E702": "Too many replicas or users.",
    "E703": "A run too long.",
    "E704": "A turn or journey without a request.",
    "E705": "A closed loop whose turn takes no time.",
    "E706": "A change or deployment that does not fit.",
    "E707": "A fault on a link that carries nothing.",
}
"""The codes of what only shows when a description is made into a plan."""
OF_LABS: Final[dict[str, str]] = {
    "E801": "A lab names a run, figure or file that it does not have.",
    "E802": "An expression of a lab that cannot be read.",
    "E803": "A path of a lab that leads nowhere in its system.",
    "E804": "A lab lacks a file.",
    "E805": "A text of a lab names a figure that the lab does not have.",
}

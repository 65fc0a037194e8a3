# Yours: msforge wrote this once. `msforge sync` only adds handlers for new endpoints at its end.
"""What {{ cookiecutter.name }} does for each request{{ " and message" if cookiecutter._service.consumers }}.

Each line that awaits `do` is a step of {{ cookiecutter.description }}. Calls, messages and stores are
real; `work` and `wait` only pass the time that the description gives them. Replace such a step
with code that does the work, one at a time; the tests say so when the calls no longer agree with
the description.
"""

from __future__ import annotations

from {{ cookiecutter.package }} import models, steps
{% for body in cookiecutter._service.endpoints + cookiecutter._service.consumers %}


async def {{ body.function }}{{ body.signature }}
    """{{ body.title }}."""
{% if body.code %}
{{ "\n" if body.code.startswith("    async def") }}{{ body.code }}
{% endif %}
{% if body.last %}
    {{ body.last }}
{% endif %}
{% endfor %}

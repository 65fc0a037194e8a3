# Yours and msforge's: add fields and rules; `msforge sync` merges what changes in {{ cookiecutter.description }}.
"""What {{ cookiecutter.name }} is asked and answers, and what it asks of others.

Every field has a default, so that emulated callers may leave it out; take the default away to require it.
`python tests/contract.py` writes new fields into the contract, openapi.json.
"""

from __future__ import annotations

{% if cookiecutter._service.models_need_any %}
from typing import Any

{% endif %}
from pydantic import BaseModel, ConfigDict{{ ", Field" if cookiecutter._service.models_need_field }}


class Model(BaseModel):
    """What all of them share: unknown fields are kept and passed on."""

    model_config = ConfigDict(
        extra="allow", populate_by_name=True, serialize_by_alias=True, protected_namespaces=()
    )
{% for model in cookiecutter._service.models %}


class {{ model.name }}(Model):
    """{{ model.doc }}"""
{% for field in model.fields %}
{{ "\n" if loop.first }}{{ field.line }}
{% endfor %}
{% endfor %}

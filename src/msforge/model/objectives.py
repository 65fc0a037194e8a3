"""Objectives, tied to the endpoint or source they are about."""

from __future__ import annotations

from msforge.model.lookup import Lookup
from msforge.model.plan import NONE, Objective
from msforge.spec.schema_system import SystemModel


def objectives(model: SystemModel, names: Lookup) -> tuple[Objective, ...]:
    """All objectives in written order."""
    made: list[Objective] = []
    for subject, written in model.objectives.items():
        for objective in written:
            made.append(Objective(
                index=len(made),
                text=objective.text,
                body=names.bodies.get(subject, NONE),
                source=names.sources.get(subject, NONE),
                metric=objective.metric,
                less=objective.operator.startswith("<"),
                limit=float(objective.limit),
                strict=not objective.operator.endswith("="),
            ))
    return tuple(made)

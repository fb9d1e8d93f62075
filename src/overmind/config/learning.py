"""How far the learner is trusted, as configured."""

from __future__ import annotations

from overmind.config.settings import Settings
from overmind.config.variables.learning import (
    ROUTING_CANARY,
    ROUTING_EXPLORE,
    ROUTING_EXPLORE_DAY,
    ROUTING_EXPLORE_MAX,
    ROUTING_LOSS,
    ROUTING_SEED,
    ROUTING_WORSE,
)
from overmind.core.model.learner_rules import LearnerRules


def learner_rules(settings: Settings) -> LearnerRules:
    return LearnerRules(
        seed=settings.get(ROUTING_SEED),
        explore_ppm=settings.get(ROUTING_EXPLORE),
        explore_max_micros=settings.get(ROUTING_EXPLORE_MAX),
        explore_day_ppm=settings.get(ROUTING_EXPLORE_DAY),
        canary_ppm=settings.get(ROUTING_CANARY),
        loss_day_max_micros=settings.get(ROUTING_LOSS),
        worse_max_ppm=settings.get(ROUTING_WORSE),
    )

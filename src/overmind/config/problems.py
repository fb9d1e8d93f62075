"""Problems of a configuration: each says where it is and how to fix it."""

from __future__ import annotations

from overmind.core.model.value import Value


class Problem(Value, frozen=True):
    where: str
    problem: str
    fix: str

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}; {self.fix}"


class ConfigError(Exception):
    """The configuration is refused, with all problems at once."""

    def __init__(self, problems: tuple[Problem, ...], warnings: tuple[Problem, ...] = ()) -> None:
        assert problems, "a configuration is refused for a reason"
        super().__init__(problems, warnings)
        self.problems = problems
        self.warnings = warnings

    def __str__(self) -> str:
        count = len(self.problems)
        title = "1 problem" if count == 1 else f"{count} problems"
        return "\n- ".join([f"{title} in the configuration:", *map(str, self.problems)])


class Findings:
    """Collects problems while reading continues, so that one run of `check` shows them all."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []

    def refuse(self, where: str, problem: str, fix: str) -> None:
        """A setting that is read twice has its problem once."""
        found = Problem(where, problem, fix)
        if found not in self.problems:
            self.problems.append(found)

    def warn(self, where: str, problem: str, fix: str) -> None:
        self.warnings.append(Problem(where, problem, fix))

    def error(self) -> ConfigError | None:
        return ConfigError(tuple(self.problems), tuple(self.warnings)) if self.problems else None

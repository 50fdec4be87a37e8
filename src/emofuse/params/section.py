"""What every section of params.yaml has in common: frozen, typed, every key known."""

from typing import Annotated, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[int, Field(gt=0)]
NotNegative = Annotated[int, Field(ge=0)]
PositiveFloat = Annotated[float, Field(gt=0)]
NotNegativeFloat = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, lt=1)]


class Section(BaseModel):
    """A section of params.yaml: frozen, every key known, no value coerced."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


Value = TypeVar("Value")


class AtScale(Section, Generic[Value]):
    """A value at each scale."""

    toy: Value
    paper: Value

    def at(self, scale: str) -> Value:
        """The value at a scale, toy or paper."""
        return self.toy if scale == "toy" else self.paper

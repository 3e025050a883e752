"""The strict model and the field types that every config table is made of."""

from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from perfmodel.config.units import quantity

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
"""A share between 0 and 1, written as a bare number."""

Positive = Annotated[float, Field(gt=0.0)]
Count = Annotated[int, Field(ge=1)]
CountOrZero = Annotated[int, Field(ge=0)]


def _si(unit: str, *, zero: bool = False) -> Any:
    return Annotated[
        float,
        BeforeValidator(lambda value: quantity(value, unit)),
        Field(ge=0.0) if zero else Field(gt=0.0),
        Field(json_schema_extra={"type": "string", "x-unit": unit}),
    ]


Bandwidth = _si("B/s")
Bytes = _si("B")
Clock = _si("Hz")
FlopRate = _si("FLOP/s")
Power = _si("W")
PowerOrZero = _si("W", zero=True)
Seconds = _si("s")
SecondsOrZero = _si("s", zero=True)
EnergyPerFlop = _si("J/FLOP")
EnergyPerByte = _si("J/B")
Temperature = Annotated[
    float,
    BeforeValidator(lambda value: quantity(value, "K")),
    Field(gt=0.0, json_schema_extra={"type": "string", "x-unit": "degC"}),
]
CarbonIntensity = _si("kg/J")
Money = _si("EUR")


class Config(BaseModel):
    """A table of a config file: immutable, every key known, every quantity in SI."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, strict=True
    )


class Named(Config):
    """A config file of its own."""

    name: str
    """What people call it."""

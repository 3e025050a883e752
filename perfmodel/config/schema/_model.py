"""The strict model and the field types that every config table is made of."""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import core_schema

from perfmodel.config.units import example, quantity

LEAST, MOST = 1e-18, 1e18
"""Smallest and largest magnitude in SI: beyond them float32 loses the gradients of a ratio."""

LARGEST_COUNT = 10**15
"""Largest whole number: float64 still holds its neighbours apart."""

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
"""A share between 0 and 1, written as a bare number."""

Share = Annotated[float, Field(ge=0.001, le=1.0)]
"""A share that something is divided by; below a thousandth it is a mistake."""

Positive = Annotated[float, Field(ge=LEAST, le=MOST)]
Count = Annotated[int, Field(ge=1, le=LARGEST_COUNT)]
CountOrZero = Annotated[int, Field(ge=0, le=LARGEST_COUNT)]


@dataclass(frozen=True)
class Quantity:
    """Text with a unit in the file, an SI number in the program."""

    unit: str
    """SI unit."""
    least: float = LEAST
    """Smallest value. [unit]"""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """Read the text, then check the number."""
        number = core_schema.float_schema(ge=self.least, le=MOST)
        return core_schema.no_info_before_validator_function(self.read, number)

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Describe the text to editors, not the number that it becomes."""
        return {"type": "string", "examples": [example(self.unit)], "x-unit": self.unit}

    def read(self, value: Any) -> float:
        """Read what the file says."""
        return quantity(value, self.unit)


@dataclass(frozen=True)
class Reference:
    """Text that is the name of another config."""

    kind: str
    """Folder where that config lies."""

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Tell editors and completion what is named."""
        return {**handler(schema), "x-config": self.kind}


Bandwidth = Annotated[float, Quantity("B/s")]
Bytes = Annotated[float, Quantity("B")]
Clock = Annotated[float, Quantity("Hz")]
FlopRate = Annotated[float, Quantity("FLOP/s")]
Power = Annotated[float, Quantity("W")]
PowerOrZero = Annotated[float, Quantity("W", least=0.0)]
Seconds = Annotated[float, Quantity("s")]
SecondsOrZero = Annotated[float, Quantity("s", least=0.0)]
EnergyPerFlop = Annotated[float, Quantity("J/FLOP")]
EnergyPerByte = Annotated[float, Quantity("J/B")]
Temperature = Annotated[float, Quantity("K")]
CarbonIntensity = Annotated[float, Quantity("kg/J")]
WaterUsage = Annotated[float, Quantity("m^3/J", least=0.0)]
Money = Annotated[float, Quantity("EUR")]
Rate = Annotated[float, Quantity("1/s")]
Mass = Annotated[float, Quantity("kg", least=0.0)]
PricePerEnergy = Annotated[float, Quantity("EUR/J", least=0.0)]
PricePerPower = Annotated[float, Quantity("EUR/W")]


class Config(BaseModel):
    """A table of a config file: immutable, every key known, every quantity in SI."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        strict=True,
        allow_inf_nan=False,
        str_min_length=1,
        str_max_length=200,
    )


class Named(Config):
    """A config file of its own."""

    name: str
    """What people call it."""

"""What a building takes from and gives to its surroundings: water, and heat that is put to use."""

import math

from perfmodel.config.schema.site import Facility
from perfmodel.studies.best_layout import Row


def surroundings(facility: Facility, it_power: float) -> Row:
    r"""Water and reused heat of a site, in the mean of the year.

    .. math:: q = u P_{IT}, \quad H = \eta P_{IT}

    All power of the IT equipment turns into heat, so that the share of the heat that is reused is
    one of its power.

    Parameters
    ----------
    facility
        Water per energy :math:`u` [m^3/J] and share of the heat :math:`\eta`, where it states them.
    it_power
        Power of the IT equipment :math:`P_{IT}`; not a number without a layout. [W]

    Returns
    -------
    Row
        `water_use_m3_per_s` and `reused_heat_w`; not a number where the site does not state it.

    References
    ----------
    ISO/IEC 30134-9:2022, Information technology - Data centres key performance indicators, part 9:
    Water usage effectiveness (WUE).
    """
    return {
        "water_use_m3_per_s": _times(facility.water_usage, it_power),
        "reused_heat_w": _times(facility.heat_reuse, it_power),
    }


def _times(rate: float | None, power: float) -> float:
    return math.nan if rate is None else rate * power

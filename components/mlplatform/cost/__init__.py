"""What a stack costs a month, from its recorded graph: a range, by component, with the source of every price.

It reads what a program asks for, and prices from tables and from a person's settings. It knows neither Pulumi nor the
preview: a resource is whatever has the parts that `model.Resource` names.
"""

from mlplatform.cost.estimate import estimate
from mlplatform.cost.model import Estimate, Item, Range, Unpriced, cents
from mlplatform.cost.report import as_summary, as_text
from mlplatform.cost.settings import FILE, Assumptions, BadSettings, CostSettings, Usage

__all__ = [
    "FILE",
    "Assumptions",
    "BadSettings",
    "CostSettings",
    "Estimate",
    "Item",
    "Range",
    "Unpriced",
    "Usage",
    "as_summary",
    "as_text",
    "cents",
    "estimate",
]

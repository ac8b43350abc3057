"""The program of every environment: what differs between them is in their stack files only."""

from compose import compose
from config import load

compose(load())

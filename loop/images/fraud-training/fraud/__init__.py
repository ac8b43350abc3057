"""A team's own program: finds fraud among card payments. It knows the contract of its steps, and no platform."""

"""The rules, by topic; the catalogue has them all."""

"""What ModelStore promises."""

CLAUSES = {
    "model-store.write-once": "promoted models are written once and never changed",
    "model-store.kms": "under a key of their own, with rotation",
}

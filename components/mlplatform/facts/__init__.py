"""Pure facts and rules: no Pulumi, nothing but the standard library, nothing run at import."""

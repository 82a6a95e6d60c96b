"""Short identifiers of values: of what a result depends on."""

import hashlib
import json
from typing import Any

from pydantic import BaseModel


def fingerprint(*values: Any) -> str:
    """Twelve hexadecimal digits that identify JSON values and models of the configuration."""
    plain = [v.model_dump(mode="json") if isinstance(v, BaseModel) else v for v in values]
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:12]

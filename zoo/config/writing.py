"""How a language model writes where nobody says otherwise, and what it is never asked."""

from __future__ import annotations

from typing import Any

DEFAULTS: dict[str, Any] = {"max_new_tokens": 100, "temperature": 0.8, "top_k": 0, "top_p": 1.0, "seed": 1}  # a top_k of 0: all tokens
MOST = 4096  # new tokens a prompt: a server shall not be kept busy for long by one request

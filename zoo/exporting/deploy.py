"""What starts the official TensorFlow Serving image on a bundle: `models.config` and `docker-compose.yml`."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

from zoo.runs import write_text

CONFIG = """\
model_config_list {{
  config {{
    name: {name}
    base_path: {folder}
    model_platform: "tensorflow"
  }}
}}
"""

COMPOSE = """\
# docker compose -f docker-compose.yml up      gRPC on 8500, REST on 8501; a new version is taken up as soon as it appears
# curl -d @request.json localhost:8501/v1/models/{url}:predict
services:
  serving:
    image: tensorflow/serving:latest
    command: [{config}]
    ports: ["8500:8500", "8501:8501"]
    volumes:
      - {{type: bind, source: ., target: {folder}, read_only: true}}
    healthcheck:
      test: [CMD, bash, -c, {check}]
      interval: 10s
      start_period: 60s
    restart: unless-stopped
"""

# the image holds bash but no curl
CHECK = r"exec 3<>/dev/tcp/127.0.0.1/8501 && printf 'GET /v1/models/{url} HTTP/1.0\r\n\r\n' >&3 && grep -q AVAILABLE <&3"


def write(folder: Path, name: str) -> None:
    """Writes both files into a bundle's folder where they do not stand yet: what somebody changed is theirs."""
    url = quote(name, safe="")
    inside = f"/models/{name}"
    texts = {
        "models.config": CONFIG.format(name=_quoted(name), folder=_quoted(inside)),
        "docker-compose.yml": COMPOSE.format(
            url=url,
            folder=_compose(inside),
            config=_compose(f"--model_config_file={inside}/models.config"),
            check=_compose(CHECK.format(url=url)),
        ),
    }
    for file, text in texts.items():
        if not (folder / file).exists():
            write_text(folder / file, text)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _compose(text: str) -> str:
    """Quoted for YAML; a dollar sign would be a variable of compose's."""
    return _quoted(text.replace("$", "$$"))

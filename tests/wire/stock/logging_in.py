"""Log in with stock flytekit, and list the projects; prints their ids as JSON.

logging_in.py ENDPOINT MODE [CLIENT_ID SECRET]
"""

import json
import sys

from flytekit.configuration import Config, PlatformConfig
from flytekit.remote import FlyteRemote

endpoint, mode, *program = sys.argv[1:]
more = {"client_id": program[0], "client_credentials_secret": program[1]} if program else {}
platform = PlatformConfig(endpoint=endpoint, insecure=True, auth_mode=mode, **more)
remote = FlyteRemote(Config(platform=platform), default_project="flytesnacks", default_domain="development")
found, _ = remote.client.list_projects_paginated(limit=100)
print(json.dumps(sorted(project.id for project in found)))

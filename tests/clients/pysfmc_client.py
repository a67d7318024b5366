"""The PyPI package pysfmc, unmodified: it takes a subdomain and makes all URLs of it, so that the environment alone leads it
through the proxy. The token dies between its calls.

Usage: pysfmc_client.py CONTROL; its settings are in the environment; prints one JSON object.
"""
import json
import sys
import urllib.request

from pysfmc import SFMCClient

(control,) = sys.argv[1:]
client = SFMCClient()
first = client.get("/sandbox/echo")["account"]
urllib.request.urlopen(urllib.request.Request(control + "tokens/revoke", method="POST")).read()
asset = {"name": "from-pysfmc", "assetType": {"id": 196, "name": "textblock"}}
posted = client.post("/asset/v1/content/assets", json=asset)
print(json.dumps({"account": first, "posted": posted["name"], "member": posted["memberId"]}))

"""Run by `exec`, with the vendor's URLs in the code: Python's urllib, and PyPI's requests and httpx. The token dies between
their calls.

Usage: exec_client.py SUBDOMAIN CONTROL; prints one JSON object.
"""
import json
import os
import sys
import urllib.request

import httpx
import requests

subdomain, control = sys.argv[1:]
url = f"https://{subdomain}.rest.marketingcloudapis.com/sandbox/echo"


def revoke():
    # Another host: tunnelled.
    requests.post(control + "tokens/revoke").raise_for_status()


told = {}
told["urllib"] = json.load(urllib.request.urlopen(url))["account"]
revoke()
told["requests"] = requests.get(url).json()["account"]
revoke()
told["httpx"] = httpx.get(url).json()["account"]
base = os.environ["SFMC_AUTH_PROXY_URL"]
told["base_url"] = requests.get(base + "/sandbox/echo").json()["account"]
told["written"] = requests.post(url, json={}).status_code
told["left"] = sorted(name for name in os.environ if name.startswith("SFMC_"))
print(json.dumps(told))

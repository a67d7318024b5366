"""The PyPI package simple-salesforce, unmodified: its instance is an https listener of the proxy, its session id is any text.
REQUESTS_CA_BUNDLE names the proxy's CA.

Usage: simple_salesforce_client.py PROXY; prints one JSON object.
"""
import io
import json
import sys

from simple_salesforce import Salesforce

salesforce = Salesforce(instance_url=sys.argv[1], session_id="of-long-ago", version="60.0")
found = salesforce.query("SELECT Id, LastName FROM Contact")
created = salesforce.Contact.create({"LastName": "Söhne & Co."})
salesforce.bulk.Contact.insert([{"LastName": "one"}], bypass_results=True)
deployment, state = salesforce.mdapi.deploy(io.BytesIO(b"a zip"), sandbox=True)
described = salesforce.mdapi.describe_metadata()
print(json.dumps({
    "found": [record["LastName"] for record in found["records"]],
    "created": created["id"],
    "deployed": [deployment, state],
    "described": described.partialSaveAllowed,
}))

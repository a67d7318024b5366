"""The PyPI package zeep, given the proxy's address and, where the proxy has clients, name and secret; the token dies between
two of its calls.

Usage: zeep_client.py PROXY CONTROL [basic|wsse NAME SECRET]; prints one JSON object.
"""
import json
import sys
import urllib.request

import requests
import zeep
from zeep.wsse.username import UsernameToken

proxy, control, *identity = sys.argv[1:]
session = requests.Session()
wsse = None
if identity:
    how, name, secret = identity
    # The WSDL has no envelope that could say who asks.
    session.auth = (name, secret)
    if how == "wsse":
        wsse = UsernameToken(name, secret)
client = zeep.Client(proxy + "etframework.wsdl", transport=zeep.Transport(session=session), wsse=wsse)
if wsse:
    session.auth = None
subscriber = client.get_type("{http://exacttarget.com/wsdl/partnerAPI}Subscriber")
email = "from-zeep@example.com"
created = client.service.Create(
    Options={}, Objects=[subscriber(SubscriberKey="from-zeep", EmailAddress=email)]
)
urllib.request.urlopen(urllib.request.Request(control + "tokens/revoke", method="POST")).read()
simple = client.get_type("{http://exacttarget.com/wsdl/partnerAPI}SimpleFilterPart")
found = client.service.Retrieve({
    "ObjectType": "Subscriber",
    "Properties": ["SubscriberKey", "EmailAddress"],
    "Filter": simple(Property="SubscriberKey", SimpleOperator="equals", Value=["from-zeep"]),
})
status = created["body"]["OverallStatus"] if "body" in created else created["OverallStatus"]
found = found["body"] if "body" in found else found
print(json.dumps({
    "created": status,
    "found": [found["OverallStatus"], [row["EmailAddress"] for row in found["Results"]]],
}))

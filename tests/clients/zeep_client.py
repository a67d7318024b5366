"""The PyPI package zeep, given nothing but the proxy's address; the token dies between two of its calls.

Usage: zeep_client.py PROXY CONTROL; prints one JSON object.
"""
import json
import sys
import urllib.request

import zeep

proxy, control = sys.argv[1:]
client = zeep.Client(proxy + "etframework.wsdl")
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

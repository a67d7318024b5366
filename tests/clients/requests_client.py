"""PyPI's requests with the vendor's URLs in the code: the environment alone leads it through the proxy. The token dies
between its calls.

Usage: requests_client.py SUBDOMAIN CONTROL NAME SECRET; prints one JSON object.
"""
import json
import re
import sys

import requests

subdomain, control, name, secret = sys.argv[1:]
envelope = """<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Header><fueloauth
xmlns="http://exacttarget.com">of-long-ago</fueloauth></s:Header><s:Body><RetrieveRequestMsg
xmlns="http://exacttarget.com/wsdl/partnerAPI"><RetrieveRequest><ObjectType>List</ObjectType><Properties>ID</Properties>
</RetrieveRequest></RetrieveRequestMsg></s:Body></s:Envelope>"""


def host(api):
    return f"https://{subdomain}.{api}.marketingcloudapis.com"


def revoke():
    requests.post(control + "tokens/revoke").raise_for_status()


def echo(base, token):
    answer = requests.get(base + "sandbox/echo", headers={"Authorization": f"Bearer {token}"})
    answer.raise_for_status()
    return answer.json()["account"]


def soap(base):
    answer = requests.post(
        base + "Service.asmx", data=envelope, headers={"Content-Type": "text/xml", "SOAPAction": "Retrieve"}
    )
    answer.raise_for_status()
    return re.search("<OverallStatus>(.*?)</OverallStatus>", answer.text)[1]


try:
    account = echo(host("rest") + "/", "of-long-ago")
except requests.exceptions.ProxyError as error:
    print(json.dumps({"refused": str(error)}))
    sys.exit()
revoke()
again = echo(host("rest") + "/", "of-long-ago")
revoke()
status = soap(host("soap") + "/")
token = requests.post(
    host("auth") + "/v2/token",
    json={"grant_type": "client_credentials", "client_id": name, "client_secret": secret},
).json()
revoke()
print(json.dumps({
    "account": account,
    "again": again,
    "soap": status,
    "urls": [token["rest_instance_url"], token["soap_instance_url"]],
    "by_token": echo(token["rest_instance_url"], token["access_token"]),
    "soap_by_url": soap(token["soap_instance_url"]) if token["soap_instance_url"].startswith("https:") else None,
}))

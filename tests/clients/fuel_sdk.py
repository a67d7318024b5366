"""The PyPI package Salesforce-FuelSDK, unmodified: the URLs of its configuration lead to the proxy, client id and secret are
those of a client of the proxy. The WSDL it wants without saying who it is, so that it comes from a listener that knows. Tokens
die between its calls.

Usage: fuel_sdk.py PROXY WSDL CONTROL NAME SECRET; prints one JSON object. Both of the ways in which it gets a token are tried; in
the older one it asks for its SOAP endpoint. Works in the current folder, which has to be empty.
"""
import json
import os
import sys
import urllib.request

import FuelSDK
from FuelSDK.rest import ET_CUDSupportRest

proxy, wsdl, control, name, secret = sys.argv[1:]
host = proxy.rstrip("/")


class Assets(ET_CUDSupportRest):
    """A route of its own, as the SDK's other REST classes are made."""

    path = "/asset/v1/content/assets"
    urlProps = []
    urlPropsRequired = []


def revoke():
    urllib.request.urlopen(urllib.request.Request(control + "tokens/revoke", method="POST")).read()


def connect(oauth2, secret=secret):
    return FuelSDK.ET_Client(False, False, {
        "clientid": name, "clientsecret": secret, "useOAuth2Authentication": oauth2,
        "authenticationurl": host if oauth2 == "True" else host + "/v1/requestToken",
        "baseapiurl": host, "defaultwsdl": wsdl,
        "wsdl_file_local_loc": f"{os.getcwd()}/wsdl-{oauth2}.xml",
    })


def refusal(oauth2):
    try:
        connect(oauth2, "wrong")
    except Exception as error:
        return str(error)


told = {}
for oauth2 in ["True", "False"]:
    client = connect(oauth2)
    key = f"from-fuelsdk-{oauth2}"
    assets = Assets()
    assets.auth_stub = client
    assets.props = {"name": key, "assetType": {"id": 196, "name": "textblock"}}
    revoke()
    posted = assets.post()
    assets.props = None
    revoke()
    listed = assets.get()
    subscriber = FuelSDK.ET_Subscriber()
    subscriber.auth_stub = client
    subscriber.props = {"SubscriberKey": key, "EmailAddress": key + "@example.com"}
    revoke()
    created = subscriber.post()
    revoke()
    subscriber = FuelSDK.ET_Subscriber()
    subscriber.auth_stub = client
    subscriber.props = ["SubscriberKey", "EmailAddress"]
    subscriber.search_filter = {"Property": "SubscriberKey", "SimpleOperator": "equals", "Value": key}
    found = subscriber.get()
    told[oauth2] = {
        "posted": [posted.code, posted.results["name"]],
        "listed": [listed.code, key in [asset["name"] for asset in listed.results["items"]]],
        "created": [created.code, created.message],
        "found": [found.code, found.message, [row.EmailAddress for row in found.results]],
        "soap_endpoint": client.soap_endpoint,
        "wrong_secret": refusal(oauth2),
    }
print(json.dumps(told))

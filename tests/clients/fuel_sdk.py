"""The PyPI package Salesforce-FuelSDK, unmodified, with WSDL and SOAP endpoint from the proxy.

Usage: fuel_sdk.py PROXY CONTROL FOLDER; prints one JSON object. The SDK insists on fetching a token itself, so that a stub
gives it a made-up one, in both of the forms that it knows.
"""
import http.server
import json
import sys
import threading
import urllib.request

import FuelSDK

proxy, control, folder = sys.argv[1:]


class Stub(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        answer = {
            "access_token": "made-up", "expires_in": 1080, "rest_instance_url": proxy, "soap_instance_url": proxy,
            "accessToken": "made-up", "expiresIn": 1080, "legacyToken": "made-up",
        }
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments):
        pass


def revoke():
    urllib.request.urlopen(urllib.request.Request(control + "tokens/revoke", method="POST")).read()


stub = http.server.HTTPServer(("127.0.0.1", 0), Stub)
threading.Thread(target=stub.serve_forever, daemon=True).start()
told = {}
for oauth2 in ["True", "False"]:
    client = FuelSDK.ET_Client(False, False, {
        "clientid": "made-up", "clientsecret": "made-up", "useOAuth2Authentication": oauth2, "accountId": "1",
        "authenticationurl": f"http://127.0.0.1:{stub.server_port}", "soapendpoint": proxy + "Service.asmx",
        "defaultwsdl": proxy + "etframework.wsdl", "wsdl_file_local_loc": f"{folder}/wsdl-{oauth2}.xml",
    })
    key = f"from-fuelsdk-{oauth2}"
    subscriber = FuelSDK.ET_Subscriber()
    subscriber.auth_stub = client
    subscriber.props = {"SubscriberKey": key, "EmailAddress": key + "@example.com"}
    created = subscriber.post()
    revoke()
    subscriber = FuelSDK.ET_Subscriber()
    subscriber.auth_stub = client
    subscriber.props = ["SubscriberKey", "EmailAddress"]
    subscriber.search_filter = {"Property": "SubscriberKey", "SimpleOperator": "equals", "Value": key}
    found = subscriber.get()
    told[oauth2] = {
        "created": [created.code, created.message],
        "found": [found.code, found.message, [row.EmailAddress for row in found.results]],
    }
print(json.dumps(told))

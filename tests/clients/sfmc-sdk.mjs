// The npm package sfmc-sdk, unmodified, with the proxy as its SOAP instance and a made-up token that never expires.
// Usage: node sfmc-sdk.mjs PROXY CONTROL; prints one JSON object.
import SDK from 'sfmc-sdk';

const [proxy, control] = process.argv.slice(2);
const sdk = new SDK(
    {
        client_id: 'made-up',
        client_secret: 'made-up',
        account_id: 1,
        auth_url: 'https://mcaaaaaaaaaaaaaaaaaaaaaaaaaa.auth.marketingcloudapis.com/',
        access_token: 'made-up',
        soap_instance_url: proxy,
        rest_instance_url: proxy,
    },
    { requestAttempts: 1, retryOnConnectionError: false }
);
const revoke = () => fetch(`${control}tokens/revoke`, { method: 'POST' });

const created = await sdk.soap.create('Subscriber', {
    SubscriberKey: 'from-sfmc-sdk',
    EmailAddress: 'from-sfmc-sdk@example.com',
}, {});
await revoke();
const found = await sdk.soap.retrieve('Subscriber', ['SubscriberKey', 'EmailAddress'], {
    filter: { leftOperand: 'SubscriberKey', operator: 'equals', rightOperand: 'from-sfmc-sdk' },
});
// Two at a time, and a token that dies between the pages.
const pages = [];
let page = await sdk.soap.retrieve('DataExtensionObject[sandbox-orders]', ['orderid']);
for (;;) {
    pages.push(page.Results.length);
    if (page.OverallStatus !== 'MoreDataAvailable') break;
    await revoke();
    page = await sdk.soap.retrieve('DataExtensionObject[sandbox-orders]', ['orderid'], {
        continueRequest: page.RequestID,
    });
}
let refused;
try {
    await sdk.soap.retrieve('NoSuchObject', ['ID']);
} catch (error) {
    refused = error.message;
}
console.log(JSON.stringify({
    created: created.OverallStatus,
    found: found.Results.map((row) => row.EmailAddress),
    pages,
    last: page.OverallStatus,
    refused,
}));

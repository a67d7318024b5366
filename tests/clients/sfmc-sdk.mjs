// The npm package sfmc-sdk, unmodified: only `auth_url` leads to the proxy, client id and secret are those of a client of the
// proxy. Tokens die between its calls.
//
// Usage: node sfmc-sdk.mjs AUTH_URL CONTROL NAME SECRET ACCOUNT OTHER FORBIDDEN; prints one JSON object.
import SDK from 'sfmc-sdk';

const [auth_url, control, client_id, client_secret, account, other, forbidden] = process.argv.slice(2);
const options = { requestAttempts: 1, retryOnConnectionError: false };
const connect = (account_id, secret = client_secret) =>
    new SDK({ client_id, client_secret: secret, account_id: Number(account_id), auth_url }, options);
const revoke = () => fetch(`${control}tokens/revoke`, { method: 'POST' });
const message = async (failing) => {
    try {
        await failing;
    } catch (error) {
        return `${error.name}: ${error.message}`;
    }
};

const sdk = connect(account);
const echo = await sdk.rest.get('/sandbox/echo');
await revoke();
const asset = await sdk.rest.post('/asset/v1/content/assets', {
    name: 'from-sfmc-sdk',
    assetType: { id: 196, name: 'textblock' },
});
await revoke();
const bulk = await sdk.rest.getBulk('/data/v1/customobjectdata/key/sandbox-orders/rowset', 10);
await revoke();
const created = await sdk.soap.create('Subscriber', {
    SubscriberKey: 'from-sfmc-sdk',
    EmailAddress: 'from-sfmc-sdk@example.com',
}, {});
await revoke();
const found = await sdk.soap.retrieve('Subscriber', ['SubscriberKey', 'EmailAddress'], {
    filter: { leftOperand: 'SubscriberKey', operator: 'equals', rightOperand: 'from-sfmc-sdk' },
});
// A few at a time, and a token that dies between the pages.
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
const elsewhere = connect(other);
console.log(JSON.stringify({
    account: echo.account,
    posted: asset.name,
    rows: bulk.items.length,
    created: created.OverallStatus,
    found: found.Results.map((row) => row.EmailAddress),
    pages,
    last: page.OverallStatus,
    refused: await message(sdk.soap.retrieve('NoSuchObject', ['ID'])),
    other: (await elsewhere.rest.get('/sandbox/echo')).account,
    other_url: elsewhere.auth.authObject.rest_instance_url,
    wrong_secret: await message(connect(account, 'wrong').rest.get('/sandbox/echo')),
    forbidden: await message(connect(forbidden).rest.get('/sandbox/echo')),
}));

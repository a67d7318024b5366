// The npm packages fuel-rest and fuel-soap, unmodified: their token URL leads to the proxy, client id and secret are those of a
// client of the proxy. Tokens die between their calls.
//
// Usage: node fuel_node.cjs PROXY CONTROL NAME SECRET; prints one JSON object. Both of the ways in which they get a token are
// tried; the older one needs to know where REST and SOAP are.
const FuelRest = require('fuel-rest');
const FuelSoap = require('fuel-soap');

const [proxy, control, clientId, clientSecret] = process.argv.slice(2);
const revoke = () => fetch(`${control}tokens/revoke`, { method: 'POST' });

async function tried(auth, endpoints = {}) {
    const rest = new FuelRest({ auth, ...endpoints });
    const soap = new FuelSoap({ auth, ...endpoints });
    const retrieved = (type, properties, options) =>
        new Promise((resolve, reject) =>
            soap.retrieve(type, properties, options, (error, answer) => (error ? reject(error) : resolve(answer.body)))
        );
    const echo = await rest.get({ uri: '/sandbox/echo' });
    await revoke();
    const asset = await rest.post({
        uri: '/asset/v1/content/assets',
        json: true,
        body: { name: 'from-fuel-rest', assetType: { id: 196, name: 'textblock' } },
    });
    const pages = [];
    let page;
    do {
        await revoke();
        const options = page ? { continueRequest: page.RequestID } : {};
        page = await retrieved('DataExtensionObject[sandbox-orders]', ['orderid'], options);
        pages.push(page.Results.length);
    } while (page.OverallStatus === 'MoreDataAvailable');
    return { account: echo.body.account, posted: asset.body.name, pages, last: page.OverallStatus };
}

(async () => {
    const authOptions = { authVersion: 2 };
    const v2 = await tried({ clientId, clientSecret, authUrl: `${proxy}v2/token`, authOptions });
    const endpoints = { origin: proxy, soapEndpoint: `${proxy}Service.asmx` };
    const v1 = await tried({ clientId, clientSecret, authUrl: `${proxy}v1/requestToken?legacy=1` }, endpoints);
    console.log(JSON.stringify({ v2, v1 }));
})();

// The npm package jsforce, unmodified: once with any access token, once logging in at the proxy with a client's name and secret.
//
// Usage: node jsforce_client.mjs PROXY NAME SECRET; prints one JSON object.
import jsforce from 'jsforce';

const [proxy, clientId, clientSecret] = process.argv.slice(2);
const work = async (connection) => {
    const found = await connection.query('SELECT Id, LastName FROM Contact');
    const created = await connection.sobject('Contact').create({ LastName: 'Söhne & Co.' });
    const listed = await connection.metadata.list([{ type: 'CustomObject' }], '60.0');
    const job = await connection.bulk.createJob('Contact', 'insert').open();
    return {
        found: found.records.map((record) => record.LastName),
        created: created.id,
        listed: listed.map((listed) => listed.fullName),
        job: job.id,
    };
};
const message = async (failing) => {
    try {
        return await failing;
    } catch (error) {
        return `${error.name}: ${error.message}`;
    }
};
const told = {};
if (clientId === undefined) {
    const connection = new jsforce.Connection({ instanceUrl: proxy, accessToken: 'of-long-ago', version: '60.0' });
    told.work = await work(connection);
} else {
    const oauth2 = { loginUrl: proxy, clientId, clientSecret };
    const connection = new jsforce.Connection({ oauth2, version: '60.0' });
    await connection.login('user@example.com', 'pass-word');
    told.instance = connection.instanceUrl;
    told.work = await work(connection);
    told.identity = (await connection.identity()).user_id;
    await connection.logout();
    const wrong = new jsforce.Connection({ oauth2: { ...oauth2, clientSecret: 'wrong' }, version: '60.0' });
    told.wrong_secret = await message(wrong.login('user@example.com', 'pass-word'));
    const soap = new jsforce.Connection({ loginUrl: proxy, version: '60.0' });
    told.by_soap = await message(soap.login('user@example.com', 'pass-word'));
}
console.log(JSON.stringify(told));

// Run by `exec`, with the vendor's URLs in the code: Node's own fetch, from Node 24 on. The token dies between its calls.
//
// Usage: node exec_fetch.mjs SUBDOMAIN CONTROL; prints one JSON object.
const [subdomain, control] = process.argv.slice(2);
const url = `https://${subdomain}.rest.marketingcloudapis.com/sandbox/echo`;
const first = await (await fetch(url)).json();
await fetch(`${control}tokens/revoke`, { method: 'POST' });
const second = await (await fetch(url, { method: 'POST', body: 'from fetch' })).json();
console.log(JSON.stringify({ accounts: [first.account, second.account], sent: second.body }));

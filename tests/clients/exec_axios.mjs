// Run by `exec`, with the vendor's URLs in the code: the npm package axios. The token dies between its calls.
//
// Usage: node exec_axios.mjs SUBDOMAIN CONTROL; prints one JSON object.
import axios from 'axios';

const [subdomain, control] = process.argv.slice(2);
const url = `https://${subdomain}.rest.marketingcloudapis.com/sandbox/echo`;
const first = await axios.get(url);
await axios.post(`${control}tokens/revoke`);
const second = await axios.post(url, { from: 'axios' });
console.log(JSON.stringify({ accounts: [first.data.account, second.data.account], sent: second.data.body }));

<?php
// Run by `exec`, with the vendor's URLs in the code: PHP's curl, which reads the environment, and its SoapClient, which has to
// be told. The token dies between their calls.
//
// Usage: php exec_client.php SUBDOMAIN CONTROL; prints one JSON object.
[, $subdomain, $control] = $argv;

function fetched(string $url, array $options = []): string
{
    $curl = curl_init($url);
    curl_setopt_array($curl, $options + [CURLOPT_RETURNTRANSFER => true, CURLOPT_FAILONERROR => true]);
    $body = curl_exec($curl);
    return $body === false ? throw new Exception(curl_error($curl)) : $body;
}

$echo = fetched("https://$subdomain.rest.marketingcloudapis.com/sandbox/echo");
fetched($control . 'tokens/revoke', [CURLOPT_POST => true, CURLOPT_POSTFIELDS => '']);
$proxy = parse_url(getenv('HTTPS_PROXY'));
$client = new SoapClient("https://$subdomain.soap.marketingcloudapis.com/etframework.wsdl", [
    'cache_wsdl' => WSDL_CACHE_NONE,
    'proxy_host' => $proxy['host'],
    'proxy_port' => $proxy['port'],
    'proxy_login' => $proxy['user'],
    'proxy_password' => $proxy['pass'],
]);
$found = $client->Retrieve(['RetrieveRequest' => ['ObjectType' => 'List', 'Properties' => ['ID']]]);
echo json_encode(['curl' => json_decode($echo)->account, 'soap' => $found->OverallStatus]), "\n";

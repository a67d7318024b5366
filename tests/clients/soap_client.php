<?php
// PHP's own SoapClient, given the proxy's address and, where the proxy has clients, name and secret; the token dies between two
// of its calls.
//
// Usage: php soap_client.php PROXY CONTROL [NAME SECRET]; prints one JSON object.
[, $proxy, $control] = $argv;
$identity = isset($argv[3]) ? ['login' => $argv[3], 'password' => $argv[4]] : [];
$partner = 'http://exacttarget.com/wsdl/partnerAPI';
$options = ['cache_wsdl' => WSDL_CACHE_NONE, 'features' => SOAP_SINGLE_ELEMENT_ARRAYS] + $identity;
$client = new SoapClient($proxy . 'etframework.wsdl', $options);
$subscriber = ['SubscriberKey' => 'from-php', 'EmailAddress' => 'from-php@example.com'];
$created = $client->Create([
    'Options' => null,
    'Objects' => [new SoapVar((object) $subscriber, SOAP_ENC_OBJECT, 'Subscriber', $partner)],
]);
file_get_contents($control . 'tokens/revoke', false, stream_context_create(['http' => ['method' => 'POST']]));
$filter = ['Property' => 'SubscriberKey', 'SimpleOperator' => 'equals', 'Value' => ['from-php']];
$found = $client->Retrieve(['RetrieveRequest' => [
    'ObjectType' => 'Subscriber',
    'Properties' => ['SubscriberKey', 'EmailAddress'],
    'Filter' => new SoapVar((object) $filter, SOAP_ENC_OBJECT, 'SimpleFilterPart', $partner),
]]);
$emails = array_map(fn($row) => $row->EmailAddress, $found->Results);
echo json_encode(['created' => $created->OverallStatus, 'found' => [$found->OverallStatus, $emails]]), "\n";

# Run by `exec`, with the vendor's URLs in the code: Ruby's Net::HTTP. The token dies between its calls.
#
# Usage: ruby exec_client.rb SUBDOMAIN CONTROL; prints one JSON object.
require 'json'
require 'net/http'

subdomain, control = ARGV
url = URI("https://#{subdomain}.rest.marketingcloudapis.com/sandbox/echo")
first = JSON.parse(Net::HTTP.get(url))
Net::HTTP.post(URI("#{control}tokens/revoke"), '')
second = JSON.parse(Net::HTTP.post(url, 'from ruby').body)
puts JSON.generate(accounts: [first['account'], second['account']], sent: second['body'])

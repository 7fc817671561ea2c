#!/usr/bin/env bash
# The numbers of a message's status are shifted by one between the two libraries that most WhatsApp
# gateways stand on. "2" has reached the phone in whatsapp-web.js, and only the server in Baileys;
# "0" waits in the one and has failed in the other. Whoever reads both by one table counts messages
# as delivered that are not, or takes a failed one for one that is under way.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{}' >package.json
npm install --silent --ignore-scripts --no-audit --no-fund \
    baileys@7.0.0-rc14 whatsapp-web.js@1.34.7

cat >look.mjs <<'END'
import { readFileSync } from 'node:fs'
import { proto } from 'baileys'
import whatsappWeb from 'whatsapp-web.js'

for (const name of ['whatsapp-web.js', 'baileys']) {
  const { version } = JSON.parse(readFileSync(`node_modules/${name}/package.json`, 'utf8'))
  console.log(name, version)
}
const web = whatsappWeb.MessageAck
const baileys = proto.WebMessageInfo.Status
const nameOf = (numbers, wanted) =>
  Object.keys(numbers).find((name) => Number.isNaN(Number(name)) && numbers[name] === wanted) ?? '-'

console.log('\nnumber  whatsapp-web.js  Baileys')
for (const number of [-1, 0, 1, 2, 3, 4, 5]) {
  const [one, other] = [nameOf(web, number), nameOf(baileys, number)]
  console.log(`${String(number).padStart(6)}  ${one.padEnd(15)}  ${other}`)
}

const pairs = [
  ['ACK_ERROR', 'ERROR'], ['ACK_PENDING', 'PENDING'], ['ACK_SERVER', 'SERVER_ACK'],
  ['ACK_DEVICE', 'DELIVERY_ACK'], ['ACK_READ', 'READ'], ['ACK_PLAYED', 'PLAYED'],
]
// As it stands in a message that was stored and read again, not only in the table.
const delivered = proto.WebMessageInfo.fromObject({ key: { id: 'A' }, status: 'DELIVERY_ACK' })
const { status } = proto.WebMessageInfo.decode(proto.WebMessageInfo.encode(delivered).finish())
console.log(`\na delivered message: ${web.ACK_DEVICE} in whatsapp-web.js, ${status} in Baileys`)

const isSame =
  pairs.every(([one, other]) => baileys[other] === web[one] + 1) && status === web.ACK_DEVICE + 1
console.log(isSame ? 'Seen again. Read each library by its own names.' : 'The behaviour has changed.')
process.exit(isSame ? 0 : 1)
END
node look.mjs

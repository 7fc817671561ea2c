#!/usr/bin/env bash
# WhatsApp keeps some numbers in the spelling of the day they were registered. Google's numbering
# plans (phonenumbers) call most of those invalid. is_number_match() says NO_MATCH of two spellings of
# one number in Brazil, and elsewhere no more than it says of two numbers of different people. For
# Argentina both spellings are valid: as two different numbers. And 15 digits that are a WhatsApp LID
# and no number at all are sometimes a valid number, nearly always a German or an Austrian one.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check phonenumberslite==9.0.42
cd "$folder"

cat >look.py <<'END'
import collections
import random
import sys

import phonenumbers
from phonenumbers import MatchType, PhoneNumberFormat, PhoneNumberType

print("phonenumberslite", phonenumbers.__version__)
names = {value: name for name, value in vars(MatchType).items() if name.isupper()}


def is_valid(number):
    return phonenumbers.is_valid_number(phonenumbers.parse(number))


def example(region):
    """The library's own example of a mobile number, nobody's. That of Ivory Coast was not a mobile
    number before 2021, so a made-up one stands in."""
    if region == "CI":
        return "+2250101234567"
    found = phonenumbers.example_number_for_type(region, PhoneNumberType.MOBILE)
    return phonenumbers.format_number(found, PhoneNumberFormat.E164)


OTHER_SPELLING = {
    "BR": lambda new: new[:5] + new[6:],  # without the ninth digit
    "MX": lambda new: "+521" + new[3:],  # with the 1 of before 2019
    "AR": lambda new: "+54" + new[4:],  # without the 9 of calls from abroad
    "CI": lambda new: "+225" + new[6:],  # eight digits, before 2021
    "BJ": lambda new: "+229" + new[6:],  # eight digits, before 2024
}
expected = {
    "BR": (True, False, "NO_MATCH"),
    "MX": (True, False, "SHORT_NSN_MATCH"),
    "AR": (True, True, "SHORT_NSN_MATCH"),
    "CI": (True, False, "SHORT_NSN_MATCH"),
    "BJ": (True, False, "SHORT_NSN_MATCH"),
}
seen = {}
print("\none number, as it is dialled and as WhatsApp may name it")
for region, respelled in OTHER_SPELLING.items():
    new, old = example(region), respelled(example(region))
    match = names[phonenumbers.is_number_match(new, old)]
    seen[region] = (is_valid(new), is_valid(old), match)
    print(f"  {region} {new} valid {seen[region][0]}, {old} valid {seen[region][1]}: {match}")

# Austria: a landline of Vienna, and a mobile number that ends with the same digits.
one, two = "+431234567", "+436601234567"
different = (is_valid(one), is_valid(two), names[phonenumbers.is_number_match(one, two)])
print(f"\ntwo numbers of different people\n  {one}, {two}: both valid, {different[2]}")

# A LID is arbitrary digits; 20,000 made-up ones, the same each time.
chance = random.Random(1)
regions = collections.Counter()
for _ in range(20_000):
    try:
        number = phonenumbers.parse(f"+{chance.randrange(10**14, 10**15)}")
    except phonenumbers.NumberParseException:
        continue
    if phonenumbers.is_valid_number(number):
        regions[phonenumbers.region_code_for_number(number)] += 1
share = regions.total() / 20_000
german = (regions["DE"] + regions["AT"]) / regions.total()
print(f"\n15 arbitrary digits\n  {share:.1%} are a valid number, {german:.0%} of those of DE or AT")

if seen != expected:
    sys.exit(f"the behaviour has changed: {seen}, it was {expected}")
if different != (True, True, "SHORT_NSN_MATCH"):
    sys.exit(f"the behaviour has changed: two numbers of Austria are {different}")
if not (0.008 < share < 0.025 and german > 0.8):
    sys.exit(f"the behaviour has changed: {regions}")
print("\nSeen again. Keep rules of your own for spellings, and the server (@lid) beside the digits.")
END
venv/bin/python look.py

// Judges the card on standard input with Microsoft's own library: prints what is wrong with it as a
// JSON array, [] when nothing is, and what a reader would see as text on the second line.
const cards = require("adaptivecards/dist/adaptivecards.js");
const text = require("node:fs").readFileSync(0, "utf8");
const context = new cards.SerializationContext(cards.Versions.v1_4);
const card = new cards.AdaptiveCard();
card.parse(JSON.parse(text), context);
const wrong = [];
for (let n = 0; n < context.eventCount; n++) wrong.push(context.getEventAt(n).message);
for (const one of card.validateProperties().validationEvents) wrong.push(one.message);
console.log(JSON.stringify(wrong));
const seen = [];
for (let n = 0; n < card.getItemCount(); n++) {
  const item = card.getItemAt(n);
  seen.push(item.text ?? item.url ?? item.getJsonTypeName());
}
for (let n = 0; n < card.getActionCount(); n++) seen.push(card.getActionAt(n).url);
console.log(JSON.stringify(seen));

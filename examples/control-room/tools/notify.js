// Gets the event as JSON on standard input. What it prints is kept with the action.
const event = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
console.log(`event ${event.id}: ${event.type}`);

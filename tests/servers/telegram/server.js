// Telegram's Bot API as telegram-test-api understands it: node server.js PORT
const Telegram = require('telegram-test-api');
new Telegram({ host: '127.0.0.1', port: Number(process.argv[2]), storage: 'RAM', storeTimeout: 600 }).start();

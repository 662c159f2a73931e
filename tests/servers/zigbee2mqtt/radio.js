// Zigbee2MQTT as it is, with a radio that prints each Zigbee frame instead of sending it.
//
// Only `Adapter.create` of zigbee-herdsman is replaced: topics, converters, queues and the bytes of
// the frames are those of Zigbee2MQTT. Each frame is one line:
//   FRAME <milliseconds since 1970> <address or group> <cluster>.<command> <payload as JSON> <bytes in hex>
// Started in a folder with configuration.yaml and database.db:
//   ZIGBEE2MQTT_DATA=. node radio.js
const path = require("node:path");
const modules = process.env.NODE_PATH;
const { Adapter } = require(path.join(modules, "zigbee-herdsman/dist/adapter/adapter"));
const Zcl = require(path.join(modules, "zigbee-herdsman/dist/zspec/zcl"));

/** What a lamp in order says: "done", or for a question "no such attribute". */
function answer(frame, address, endpoint) {
  const asked = frame.command.name === "read";
  const payload = asked
    ? frame.payload.map((one) => ({ attrId: one.attrId, status: 0x86 }))
    : { cmdId: frame.command.ID, statusCode: 0 };
  const said = Zcl.Frame.create(
    Zcl.FrameType.GLOBAL, Zcl.Direction.SERVER_TO_CLIENT, true, undefined,
    frame.header.transactionSequenceNumber, asked ? "readRsp" : "defaultRsp", frame.cluster.ID, payload, {},
  );
  return {
    clusterID: frame.cluster.ID, address, header: said.header, data: said.toBuffer(), endpoint,
    linkquality: 200, groupID: 0, wasBroadcast: false, destinationEndpoint: 1,
  };
}

function tell(to, frame) {
  const payload = JSON.stringify(frame.payload);
  process.stdout.write(`FRAME ${Date.now()} ${to} ${frame.cluster.name}.${frame.command.name} ${payload} ${frame.toBuffer().toString("hex")}\n`);
}

class Radio extends Adapter {
  constructor(...settings) {
    super(...settings);
    this.hasZdoMessageOverhead = false;
    this.manufacturerID = 0;
  }
  async start() { return "resumed"; }
  async stop() {}
  async reset() {}
  async getCoordinatorIEEE() { return "0x00124b0000000000"; }
  async getCoordinatorVersion() { return { type: "printer", meta: { revision: "1" } }; }
  async getNetworkParameters() {
    return { panID: 6754, extendedPanID: "0x0102030405060708", channel: 11, nwkUpdateID: 0 };
  }
  async supportsBackup() { return false; }
  async backup() { throw new Error("there is nothing to back up"); }
  async addInstallCode() {}
  async permitJoin() {}
  async setChannelInterPAN() {}
  async restoreChannelInterPAN() {}
  async sendZdo() { return [0, undefined]; }
  async sendZclFrameInterPANToIeeeAddr() {}
  async sendZclFrameInterPANBroadcast() {}
  async sendZclFrameToAll(endpoint, frame) { tell("all", frame); }
  async sendZclFrameToGroup(group, frame) { tell(`group-${group}`, frame); }
  async sendZclFrameToEndpoint(ieee, network, endpoint, frame) {
    tell(ieee, frame);
    return answer(frame, network, endpoint);
  }
  waitFor() { return { promise: new Promise(() => {}), cancel() {} }; }
}
Adapter.create = async (...settings) => new Radio(...settings);

const { Controller } = require(path.join(modules, "zigbee2mqtt/dist/controller"));
const controller = new Controller(async () => {}, async (code) => process.exit(code || 0));
controller.start();

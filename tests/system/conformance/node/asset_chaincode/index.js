// SPDX-License-Identifier: Apache-2.0
// The transactions of tests/support/asset_chaincode.py on the official Node shim, as a server with the same environment.
// Not alike: WhoAmI's "id", the key rules that only the Python shim has, and its "PEER: " before a peer's own text.

'use strict';

const crypto = require('crypto');
const fs = require('fs');
const shim = require('fabric-shim');
const { common } = require('@hyperledger/fabric-protos');

const MESSAGE_BYTES = 100 * 1024 * 1024;

// JSON with sorted keys, as Python's json.dumps(sort_keys=True) writes it.
function asJson(value) {
    const sort = (_, item) =>
        item && typeof item === 'object' && !Array.isArray(item)
            ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
            : item;
    return JSON.stringify(value, sort).replace(/[\u0080-\uffff]/g, (c) => '\\u' + c.charCodeAt(0).toString(16).padStart(4, '0'));
}

function found(key, value) {
    if (!value || value.length === 0) {
        throw new Error(`NOT_FOUND: The asset ${key} does not exist`);
    }
    return Buffer.from(value);
}

function needed(value) {
    if (value.length === 0) {
        throw new Error('EMPTY_VALUE: the value is empty, which a peer takes as a delete');
    }
    return value;
}

async function all(iterable, read) {
    const results = [];
    for await (const entry of iterable) {
        results.push(read(entry));
    }
    return asJson(results);
}

const pair = (entry) => [entry.key, entry.value.toString()];
const composite = (stub) => (entry) => [stub.splitCompositeKey(entry.key).attributes, entry.value.toString()];
const text = (value) => (value && value.length ? Buffer.from(value).toString() : null);
const hex = (value) => (value ? Buffer.from(value).toString('hex') : '');
const transient = (stub, name) => Buffer.from(stub.getTransient().get(name));
const opinion = () => process.env.ASSET_OPINION || 'agreed';

// The shim's own helper asks for all organisations; the number is set afterwards.
function policy(required, mspIds) {
    const helper = new shim.KeyEndorsementPolicy();
    helper.addOrgs('PEER', ...[...mspIds].sort());
    const envelope = common.SignaturePolicyEnvelope.deserializeBinary(helper.getPolicy());
    envelope.getRule().getNOutOf().setN(Number(required));
    return Buffer.from(envelope.serializeBinary());
}

async function inTurn(keys, read) {
    const values = [];
    for (const key of keys) {
        values.push(text(await read(key)));
    }
    return asJson(values);
}

const transactions = {
    Put: (stub, key, value) => stub.putState(key, needed(Buffer.from(value))),
    Get: async (stub, key) => found(key, await stub.getState(key)),
    Del: (stub, key) => stub.deleteState(key),
    Fill: (stub, key, size) => stub.putState(key, Buffer.alloc(Number(size), 'x')),
    PutTransient: (stub, key, name) => stub.putState(key, needed(transient(stub, name))),
    PutEmpty: (stub, key) => stub.putState(key, needed(Buffer.alloc(0))),
    Digest: async (stub, key) => {
        const value = found(key, await stub.getState(key));
        return asJson({ sha256: crypto.createHash('sha256').update(value).digest('hex'), size: value.length });
    },
    GetMany: (stub, ...keys) => inTurn(keys, (key) => stub.getState(key)),
    PutMany: async (stub, prefix, count, value) => {
        for (let number = 0; number < Number(count); number++) {
            await stub.putState(prefix + String(number).padStart(6, '0'), Buffer.from(value));
        }
    },
    Append: async (stub, key, more) => {
        const value = Buffer.concat([Buffer.from(await stub.getState(key)), Buffer.from(more)]);
        await stub.putState(key, value);
        return value;
    },
    Range: (stub, start, end) => all(stub.getStateByRange(start, end), pair),
    First: async (stub, start, end) => {
        const iterator = await stub.getStateByRange(start, end);
        const { key } = (await iterator.next()).value;
        await iterator.close();
        found(key, await stub.getState(key));
        return key;
    },
    CountInto: async (stub, start, end, key) => {
        const count = String(JSON.parse(await all(stub.getStateByRange(start, end), pair)).length);
        await stub.putState(key, Buffer.from(count));
        return count;
    },
    History: (stub, key) =>
        all(stub.getHistoryForKey(key), ({ txId, value, isDelete }) => ({ txId, value: value.toString(), isDelete })),
    PutComposite: (stub, type, value, ...attributes) =>
        stub.putState(stub.createCompositeKey(type, attributes), needed(Buffer.from(value))),
    ListComposite: (stub, type, ...attributes) =>
        all(stub.getStateByPartialCompositeKey(type, attributes), composite(stub)),

    PutPrivate: (stub, collection, key) => stub.putPrivateData(collection, key, needed(transient(stub, 'value'))),
    GetPrivate: async (stub, collection, key) => found(key, await stub.getPrivateData(collection, key)),
    GetManyPrivate: (stub, collection, ...keys) => inTurn(keys, (key) => stub.getPrivateData(collection, key)),
    HashPrivate: async (stub, collection, key) => hex(found(key, await stub.getPrivateDataHash(collection, key))),
    DelPrivate: (stub, collection, key) => stub.deletePrivateData(collection, key),
    PurgePrivate: (stub, collection, key) => stub.purgePrivateData(collection, key),
    RangePrivate: (stub, collection, start, end) => all(stub.getPrivateDataByRange(collection, start, end), pair),
    PutCompositePrivate: (stub, collection, type, ...attributes) =>
        stub.putPrivateData(collection, stub.createCompositeKey(type, attributes), needed(transient(stub, 'value'))),
    ListCompositePrivate: (stub, collection, type, ...attributes) =>
        all(stub.getPrivateDataByPartialCompositeKey(collection, type, attributes), composite(stub)),

    SetPolicy: (stub, key, required, ...mspIds) => stub.setStateValidationParameter(key, policy(required, mspIds)),
    GetPolicy: async (stub, key) => hex(await stub.getStateValidationParameter(key)),
    DropPolicy: (stub, key) => stub.setStateValidationParameter(key, Buffer.alloc(0)),
    SetPrivatePolicy: (stub, collection, key, required, ...mspIds) =>
        stub.setPrivateDataValidationParameter(collection, key, policy(required, mspIds)),
    GetPrivatePolicy: async (stub, collection, key) =>
        hex(await stub.getPrivateDataValidationParameter(collection, key)),

    Echo: (stub, ...args) => asJson(args),
    Transient: (stub, name) => transient(stub, name),
    WhoAmI: (stub) => {
        const caller = new shim.ClientIdentity(stub);
        const certificate = new crypto.X509Certificate(Buffer.from(caller.getIDBytes()));
        const units = certificate.subject.split('\n').filter((line) => line.startsWith('OU='));
        return asJson({
            mspId: caller.getMSPID(),
            id: caller.getID(),
            units: units.map((line) => line.slice(3)),
            attributes: caller.attrs,
        });
    },
    TxId: (stub) => stub.getTxID(),
    Channel: (stub) => stub.getChannelID(),
    Timestamp: (stub) => {
        const { seconds, nanos } = stub.getTxTimestamp();
        return String(BigInt(seconds.toString()) * 1000000000n + BigInt(nanos));
    },

    Emit: (stub, name, payload) => stub.setEvent(name, Buffer.from(payload)),
    PutAndEmit: async (stub, key, value, name, payload) => {
        await stub.putState(key, needed(Buffer.from(value)));
        stub.setEvent(name, Buffer.from(payload));
    },
    Fail: (stub, message) => shim.error(message),
    Status: (stub, code, message) => ({ status: Number(code), message, payload: Buffer.alloc(0) }),
    Refuse: (stub, code, cause) => shim.error(`${code}: ${cause}. Do something else`),
    Crash: () => shim.error('INTERNAL: RuntimeError'),
    Slow: (stub, milliseconds) => new Promise((resolve) => setTimeout(resolve, Number(milliseconds))),
    Opinion: () => opinion(),
    PutOpinion: (stub, key) => stub.putState(key, Buffer.from(opinion())),

    Call: async (stub, name, channel, ...args) => {
        const response = await stub.invokeChaincode(name, args, channel);
        return { status: response.status, message: response.message, payload: Buffer.from(response.payload) };
    },
    Init: (stub, ...args) => stub.putState('init', Buffer.from(asJson(args))),
};

class AssetChaincode {
    Init(stub) {
        return this.Invoke(stub);
    }

    async Invoke(stub) {
        const [name, ...args] = stub.getArgs();
        if (!Object.hasOwn(transactions, name ?? '')) {
            return shim.error(`You've asked to invoke a function that does not exist: ${name}`);
        }
        try {
            const result = await transactions[name](stub, ...args);
            if (result && result.status !== undefined) {
                return result;
            }
            return shim.success(typeof result === 'string' || Buffer.isBuffer(result) ? Buffer.from(result) : undefined);
        } catch (error) {
            return shim.error(error.message);
        }
    }
}

function tlsFiles(environment) {
    const { CHAINCODE_TLS_KEY: key, CHAINCODE_TLS_CERT: cert, CHAINCODE_CLIENT_CA_CERT: ca } = environment;
    return key && { key: fs.readFileSync(key), cert: fs.readFileSync(cert), clientCACerts: ca && fs.readFileSync(ca) };
}

const server = shim.server(new AssetChaincode(), {
    ccid: process.env.CHAINCODE_ID || process.env.CORE_CHAINCODE_ID_NAME,
    address: process.env.CHAINCODE_SERVER_ADDRESS,
    tlsProps: tlsFiles(process.env),
    'grpc.max_receive_message_length': MESSAGE_BYTES,
    'grpc.max_send_message_length': MESSAGE_BYTES,
});
server.start().then(
    () => console.log('chaincode listening'),
    (error) => {
        console.error(error.message);
        process.exit(1);
    },
);

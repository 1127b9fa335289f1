// SPDX-License-Identifier: Apache-2.0
// The official Node gateway client behind JSON lines: one request a line on stdin, one answer a line on stdout.
// {"id", "op", ...} -> {"id", "result"} or {"id", "error": {stage, code, organisations, message}}. Bytes are base64.
'use strict';

const { createPrivateKey } = require('node:crypto');
const { createInterface } = require('node:readline');
const grpc = require('@grpc/grpc-js');
const gateway = require('@hyperledger/fabric-gateway');
const { common, peer } = require('@hyperledger/fabric-protos');

const MESSAGE_BYTES = 100 * 1024 * 1024;
const connections = new Map();
const handles = new Map();
let lastHandle = 0;

function keep(value) {
    lastHandle += 1;
    handles.set(lastHandle, value);
    return lastHandle;
}

const base64 = (bytes) => Buffer.from(bytes).toString('base64');
const bytes = (text) => Buffer.from(text, 'base64');
const text = (content) => Buffer.from(content).toString('utf8');
const unsigned = (signable) => ({ bytes: base64(signable.getBytes()), digest: base64(signable.getDigest()) });
const codeName = (table, code) => Object.keys(table).find((name) => table[name] === code);
const outcome = (status) => ({ code: codeName(gateway.StatusCode, status.code), block: Number(status.blockNumber) });

const contractOf = (request) =>
    connections.get(request.connection).gateway.getNetwork(request.channel).getContract(request.chaincode);
const proposalOptions = (request) => ({
    arguments: request.arguments,
    transientData: request.transient,
    endorsingOrganizations: request.organisations.length ? request.organisations : undefined,
});

function checkpointOf(request) {
    if (!request.checkpoint) {
        return undefined;
    }
    const checkpointer = gateway.checkpointers.inMemory();
    const [block, transactionId] = request.checkpoint;
    if (transactionId) {
        checkpointer.checkpointTransaction(BigInt(block), transactionId);
    } else {
        checkpointer.checkpointBlock(BigInt(block));
    }
    return checkpointer;
}

// Reads ahead by one: a stream that fails before anyone reads would end the process.
function keepStream(stream, read) {
    const iterator = stream[Symbol.asyncIterator]();
    const reader = { stream, read, iterator };
    readAhead(reader);
    return keep(reader);
}

function readAhead(reader) {
    reader.coming = reader.iterator.next();
    reader.coming.catch(() => {});
}

const eventOptions = (request) => ({
    startBlock: request.start === null ? undefined : BigInt(request.start),
    checkpoint: checkpointOf(request),
});

function transactionsOf(block) {
    const codes = block.getMetadata().getMetadataList_asU8()[common.BlockMetadataIndex.TRANSACTIONS_FILTER];
    return block
        .getData()
        .getDataList_asU8()
        .map((content, index) => {
            const payload = common.Payload.deserializeBinary(
                common.Envelope.deserializeBinary(content).getPayload_asU8(),
            );
            const header = common.ChannelHeader.deserializeBinary(payload.getHeader().getChannelHeader_asU8());
            return { transaction_id: header.getTxId(), code: codeName(peer.TxValidationCode, codes[index]) };
        });
}

const blockReaders = {
    full: (block) => ({ block: block.getHeader().getNumber(), transactions: transactionsOf(block) }),
    filtered: (block) => ({
        block: block.getNumber(),
        transactions: block.getFilteredTransactionsList().map((transaction) => ({
            transaction_id: transaction.getTxid(),
            code: codeName(peer.TxValidationCode, transaction.getTxValidationCode()),
        })),
    }),
    private: (both) => ({
        block: both.getBlock().getHeader().getNumber(),
        transactions: transactionsOf(both.getBlock()),
        collections: [...both.getPrivateDataMapMap().values()].flatMap((data) =>
            data
                .getNsPvtRwsetList()
                .flatMap((namespace) =>
                    namespace.getCollectionPvtRwsetList().map((collection) => collection.getCollectionName()),
                ),
        ),
    }),
};

const operations = {
    connect(request) {
        const pair = [bytes(request.tls_key), bytes(request.tls_certificate)];
        const client = new grpc.Client(request.endpoint, grpc.credentials.createSsl(bytes(request.roots), ...pair), {
            'grpc.ssl_target_name_override': request.server_name,
            'grpc.default_authority': request.server_name,
            'grpc.max_send_message_length': MESSAGE_BYTES,
            'grpc.max_receive_message_length': MESSAGE_BYTES,
        });
        const deadline = (seconds) => () => ({ deadline: Date.now() + seconds * 1000 });
        const options = {
            client,
            identity: { mspId: request.msp_id, credentials: bytes(request.certificate) },
            hash: gateway.hash.sha256,
            tlsClientCertificateHash: bytes(request.tls_hash),
            evaluateOptions: deadline(5),
            endorseOptions: deadline(15),
            submitOptions: deadline(5),
            commitStatusOptions: deadline(60),
        };
        if (request.key) {
            options.signer = gateway.signers.newPrivateKeySigner(createPrivateKey(bytes(request.key)));
        }
        const connection = keep(null);
        connections.set(connection, { client, gateway: gateway.connect(options) });
        return connection;
    },
    disconnect(request) {
        const { client, gateway: connected } = connections.get(request.connection);
        connected.close();
        client.close();
        connections.delete(request.connection);
        return null;
    },
    async evaluate(request) {
        return base64(await contractOf(request).evaluate(request.name, proposalOptions(request)));
    },
    async submit(request) {
        return base64(await contractOf(request).submit(request.name, proposalOptions(request)));
    },
    async endorse(request) {
        const transaction = await contractOf(request).newProposal(request.name, proposalOptions(request)).endorse();
        return {
            handle: keep({ transaction }),
            transaction_id: transaction.getTransactionId(),
            result: base64(transaction.getResult()),
        };
    },
    async send(request) {
        const prepared = handles.get(request.handle);
        prepared.commit = await prepared.transaction.submit();
        return null;
    },
    async status(request) {
        return outcome(await handles.get(request.handle).commit.getStatus());
    },
    propose(request) {
        return unsigned(contractOf(request).newProposal(request.name, proposalOptions(request)));
    },
    async evaluate_signed(request) {
        const connected = connections.get(request.connection).gateway;
        return base64(await connected.newSignedProposal(bytes(request.bytes), bytes(request.signature)).evaluate());
    },
    async endorse_signed(request) {
        const connected = connections.get(request.connection).gateway;
        const proposal = connected.newSignedProposal(bytes(request.bytes), bytes(request.signature));
        return unsigned(await proposal.endorse());
    },
    async submit_signed(request) {
        const connected = connections.get(request.connection).gateway;
        const transaction = connected.newSignedTransaction(bytes(request.bytes), bytes(request.signature));
        return unsigned(await transaction.submit());
    },
    async status_signed(request) {
        const connected = connections.get(request.connection).gateway;
        const commit = connected.newSignedCommit(bytes(request.bytes), bytes(request.signature));
        return outcome(await commit.getStatus());
    },
    async events(request) {
        const network = connections.get(request.connection).gateway.getNetwork(request.channel);
        const stream = await network.getChaincodeEvents(request.chaincode, eventOptions(request));
        const read = (event) => ({
            block: Number(event.blockNumber),
            transaction_id: event.transactionId,
            name: event.eventName,
            payload: text(event.payload),
        });
        return keepStream(stream, read);
    },
    async blocks(request) {
        const network = connections.get(request.connection).gateway.getNetwork(request.channel);
        const open = {
            full: () => network.getBlockEvents(eventOptions(request)),
            filtered: () => network.getFilteredBlockEvents(eventOptions(request)),
            private: () => network.getBlockAndPrivateDataEvents(eventOptions(request)),
        };
        const stream = await open[request.kind]();
        return keepStream(stream, blockReaders[request.kind]);
    },
    async next(request) {
        const reader = handles.get(request.handle);
        const { value } = await reader.coming;
        readAhead(reader);
        return reader.read(value);
    },
    close(request) {
        handles.get(request.handle).stream.close();
        handles.delete(request.handle);
        return null;
    },
    async measure(request) {
        const contract = contractOf(request);
        const milliseconds = [];
        for (let index = 0; index < request.count; index += 1) {
            const start = process.hrtime.bigint();
            await contract[request.stage](request.name, { arguments: [...request.arguments, `${index}`] });
            milliseconds.push(Number(process.hrtime.bigint() - start) / 1e6);
        }
        return milliseconds;
    },
};

// By name: the package does not export SubmitError.
const stages = {
    CommitError: 'commit',
    EndorseError: 'endorse',
    SubmitError: 'submit',
    CommitStatusError: 'status',
    GatewayError: '',
};

function failure(error) {
    const stage = stages[error.name];
    if (stage === undefined) {
        return { stage: 'client', code: error.name, organisations: [], message: error.message };
    }
    const details = error.details ?? [];
    return {
        stage,
        code: codeName(stage === 'commit' ? gateway.StatusCode : grpc.status, error.code),
        organisations: details.map((detail) => detail.mspId),
        message: [error.message, ...details.map((detail) => detail.message)].join('\n'),
    };
}

async function answer(line) {
    const request = JSON.parse(line);
    let reply;
    try {
        reply = { id: request.id, result: await operations[request.op](request) };
    } catch (error) {
        reply = { id: request.id, error: failure(error) };
    }
    process.stdout.write(`${JSON.stringify(reply)}\n`);
}

createInterface({ input: process.stdin }).on('line', answer).on('close', () => process.exit(0));

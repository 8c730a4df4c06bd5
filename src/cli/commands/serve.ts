import { readFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { basename, join, resolve } from 'node:path';
import { keptBeside } from '../../io/kept-data';
import { packageRoot } from '../../version';
import type { Run } from '../command';
import { interruptible } from '../interrupt';
import { isLoopback } from '../local-http';
import { openModel } from '../model-path';
import type { serve } from '../options';
import { readingOf } from '../predict/answers';
import { servePage } from '../serve/page';
import { serveModel } from '../serve/server';
import { runtimeLine } from '../train/environment';
import { missingFor } from '../train/kept';

/** Until it is interrupted. */
export const run: Run<typeof serve> = async ({ settings, args, out }) => {
  const { host, port } = settings;
  const { schema, classNames } = keptBeside(args.model!);
  const model = await openModel(args.model!, settings);
  try {
    const name = settings.name ?? (basename(resolve(args.model!)).replace(/[^\w.-]+/g, '-') || 'model');
    const runtime = await model.runtime();
    // Who asks over HTTP has no options.
    const missing = missingFor(args.model!, undefined, ['mean'], 'refuse');
    const wanted = { inputShape: model.inputShape, schema, missing };
    const reading = readingOf(model);
    const isOneValue = reading === 'values' && model.outputShape[0] === 1;
    const names = isOneValue ? [schema?.label.name ?? 'value'] : (classNames ?? []);
    const client = readFileSync(join(packageRoot, 'scripts', 'serve', 'client.js'));
    const resources = {
      '/': { type: 'text/html; charset=utf-8', body: servePage(name, wanted, { reading, names }) },
      '/client.js': { type: 'text/javascript; charset=utf-8', body: client },
    };
    const { server, address } = await serveModel({ model, name, wanted, classNames, resources }, host, port);
    try {
      if (!isLoopback(host))
        out.note(`warning: ${host} is reached from other computers, and whoever reaches it may ask`);
      out.note(`Serving ${name} on ${runtimeLine(runtime)}; Ctrl-C ends it`);
      out.result({ schema: 'fusor.served', version: 1, address, name }, () => address);
      return await interruptible((signal) => untilAborted(signal));
    } finally {
      await closed(server);
    }
  } finally {
    await model.dispose();
  }
};

/** Milliseconds for answers that are under way. */
const PATIENCE = 1500;

async function closed(server: Server): Promise<void> {
  const done = new Promise((resolve) => server.close(resolve));
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), PATIENCE);
  await done;
  clearTimeout(timer);
}

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const end = () => reject(signal.reason);
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
}

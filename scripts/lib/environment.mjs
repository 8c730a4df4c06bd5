/** A switch in the environment: set, and not to 0 or false. */
export const isOn = (value) => Boolean(value) && value !== '0' && value !== 'false';

/** No native backend is wanted here: nothing native is built, and the tests say so instead of failing. */
export const skipsNative = (env = process.env) => isOn(env.FUSOR_SKIP_NATIVE);

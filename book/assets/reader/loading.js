// loadScript(address) loads a classic script, once however often it is asked for, and promises that it has run. One that
// could not be loaded may be asked for again.
const loadScript = (() => {
  const asked = new Map(); // address → the promise

  const load = (address) =>
    new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = address;
      script.onload = resolve;
      script.onerror = () => {
        script.remove();
        asked.delete(address);
        reject(new Error(`${address} cannot be loaded`));
      };
      document.head.append(script);
    });

  return (address) => {
    if (!asked.has(address)) asked.set(address, load(address));
    return asked.get(address);
  };
})();

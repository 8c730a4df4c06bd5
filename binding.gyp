# For tools that know node-gyp only: delegates to the script that really builds. No files of its own.
{
  "targets": [
    {
      "target_name": "fusor",
      "type": "none",
      "actions": [
        {
          "action_name": "build_native",
          "inputs": ["scripts/build-native.mjs"],
          "outputs": ["build/fusor.node"],
          "action": ["node", "scripts/build-native.mjs"]
        }
      ]
    }
  ]
}

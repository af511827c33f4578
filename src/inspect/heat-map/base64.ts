/** As many bytes as one call may have arguments. */
const chunk = 2 ** 14;

export function toBase64(bytes: Uint8Array): string {
  let text = "";
  for (let begin = 0; begin < bytes.length; begin += chunk)
    text += String.fromCharCode(...bytes.subarray(begin, begin + chunk));
  return btoa(text);
}

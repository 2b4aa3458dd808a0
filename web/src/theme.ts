import { createTheme, type MantineColorsTuple } from '@mantine/core';

// The one accent: a deep water blue, 7:1 on white at shade 7, 7:1 on the dark surface at shade 3.
const water: MantineColorsTuple = ['#eaf4fb', '#d3e6f5', '#a5cceb', '#74b2e2', '#4c9bd8', '#2f8acf', '#1574bd', '#0a5fa4', '#074d86', '#043a66'];
const slate: MantineColorsTuple = ['#e8ebee', '#c6ced5', '#aab4bd', '#919ca6', '#3d4751', '#2f3740', '#1b2026', '#161a1f', '#12161a', '#0f1215'];

export const fontFamily = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Apple SD Gothic Neo", "Noto Sans KR", "Noto Sans CJK KR", "Malgun Gothic", "Helvetica Neue", Arial, sans-serif';
export const fontFamilyMonospace = 'ui-monospace, "SF Mono", "Cascadia Mono", "Segoe UI Mono", "DejaVu Sans Mono", "Noto Sans Mono CJK KR", Consolas, monospace';

export const theme = createTheme({
  primaryColor: 'water',
  primaryShade: { light: 7, dark: 6 },
  colors: { water, dark: slate },
  fontFamily,
  fontFamilyMonospace,
  defaultRadius: 'sm',
  cursorType: 'pointer',
  respectReducedMotion: true,
  headings: { fontFamily, fontWeight: '600' },
  components: {
    Button: { defaultProps: { size: 'sm' } },
    Modal: { defaultProps: { centered: true, overlayProps: { backgroundOpacity: 0.45 } } },
    Tooltip: { defaultProps: { openDelay: 350, withArrow: true, multiline: true } },
    Menu: { defaultProps: { shadow: 'md', position: 'bottom-end' } },
  },
});
